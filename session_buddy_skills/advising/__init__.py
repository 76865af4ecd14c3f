"""What is known of skills, kept in step with the record, and the advice that rests on it."""
