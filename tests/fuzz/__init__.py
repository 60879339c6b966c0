"""Bad inputs by the thousand, and what becomes of them: a sentence and an exit code, or a fault to be fixed."""
