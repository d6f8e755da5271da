"""What several tests share: programs to start, servers, waiting."""
