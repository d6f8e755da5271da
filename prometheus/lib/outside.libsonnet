// Labels that Prometheus adds to what it sends, and that its own series lack.
['platform', 'environment']
