"""What many images take: measured costs, a simulation that is checked against the service, and a page of both."""
