"""What happens to every request, in this order: context, access, body."""
