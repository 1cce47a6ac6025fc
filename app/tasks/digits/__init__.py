"""Reading digits: pictures -> frames, scores -> decisions, explanations and whole numbers."""
