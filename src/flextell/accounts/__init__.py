"""The rules about people: who they are, how they sign in, how guessing is slowed."""
