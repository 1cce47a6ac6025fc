"""Line readers: models that read a whole number at once, without cutting it."""
