"""What the generated rules and routes do: promtool's and amtool's own tests, over the golden tree."""
