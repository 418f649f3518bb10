//! What panes are made of: text, differences, charts, fields. Drawn from plain values; knows no screen.
