-- name: take_turn
-- Before anything is read that a write rests on.
UPDATE skill_turns SET taken_at = $now WHERE kind = $kind;
