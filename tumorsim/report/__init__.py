"""What a reader sees of a folder of results: words, tables, figures, one HTML file. No model is loaded."""
