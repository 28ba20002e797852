"""What anybody may send us: texts and JSON of every kind, for tests that are generated."""

from hypothesis import strategies as st

# Also what no well-behaved program makes: halves of characters, as a careless one may pass on.
any_text = st.text(st.characters())

any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(), some, max_size=3),
    max_leaves=8,
)
