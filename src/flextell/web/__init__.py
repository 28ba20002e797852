"""HTTP for clients and browsers: translate, load, ask the rules, save, answer."""
