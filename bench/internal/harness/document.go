package harness

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrNoMarkers is what Insert returns for a document that has no place for a section.
var ErrNoMarkers = errors.New("no such markers")

// A Document is a file of which some sections are written by programs, and the rest by people. A section stands
// between the lines <!-- NAME:begin --> and <!-- NAME:end -->.
type Document struct {
	Path string
	Head string // of the file, where there is none yet; "" if the file and its markers must be there
}

// Put puts text, Markdown without a newline at its ends, in place of the section's. Where a document with a Head has no such section,
// it is added at the end under its title.
func (d Document) Put(section, title, text string) error {
	old, err := os.ReadFile(d.Path)
	if errors.Is(err, os.ErrNotExist) && d.Head != "" {
		old, err = []byte(d.Head+"\n"), nil
	}
	if err != nil {
		return err
	}
	now, err := insert(old, section, text)
	if errors.Is(err, ErrNoMarkers) && d.Head != "" {
		old = fmt.Appendf(bytes.TrimRight(old, "\n"), "\n\n## %s\n\n%s\n%s\n", title, begin(section), end(section))
		now, err = insert(old, section, text)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", d.Path, err)
	}
	return WriteFile(d.Path, now)
}

func begin(section string) string { return "<!-- " + section + ":begin -->" }
func end(section string) string   { return "<!-- " + section + ":end -->" }

func insert(doc []byte, section, text string) ([]byte, error) {
	head, rest, ok := bytes.Cut(doc, []byte(begin(section)))
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrNoMarkers, begin(section))
	}
	_, foot, ok := bytes.Cut(rest, []byte(end(section)))
	if !ok {
		return nil, fmt.Errorf("%s without %s", begin(section), end(section))
	}
	return fmt.Appendf(nil, "%s%s\n\n%s\n\n%s%s", head, begin(section), text, end(section), foot), nil
}

// WriteFile writes a file as a whole or not at all, and the folder it is in.
func WriteFile(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
