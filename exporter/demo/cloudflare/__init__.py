"""A stand-in for Cloudflare's GraphQL Analytics API; it serves what the demo's own requests left behind."""
