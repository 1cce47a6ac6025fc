"""Lines of handwritten numbers, composed of digits by hands of many kinds."""
