"""The commands of jobs/, started as users start them."""
