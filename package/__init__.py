"""What is published: how wheels and sdists are built, and what is tried of them."""
