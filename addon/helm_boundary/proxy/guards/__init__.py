"""What holds where none of our hooks is reached."""
