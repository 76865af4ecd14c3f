"""What a program or a person reads over plain HTTP."""
