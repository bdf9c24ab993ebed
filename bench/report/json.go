package report

import (
	"encoding/json"
	"io"

	"crier/bench"
)

// JSON writes the whole result with every figure as it was measured, indented.
func JSON(w io.Writer, r *bench.Result) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false) // for people: & in a URL stays &
	return e.Encode(r)
}
