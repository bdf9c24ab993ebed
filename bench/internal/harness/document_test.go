package harness

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDocument(t *testing.T) {
	path := filepath.Join(t.TempDir(), "docs", "x.md")
	d := Document{Path: path, Head: "# Title"}
	for _, put := range [][3]string{{"a", "Of a", "first"}, {"b", "Of b", "second"}, {"a", "Of a", "third"}} {
		if err := d.Put(put[0], put[1], put[2]); err != nil {
			t.Fatal(err)
		}
	}
	const want = `# Title

## Of a

<!-- a:begin -->

third

<!-- a:end -->

## Of b

<!-- b:begin -->

second

<!-- b:end -->
`
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("got\n%s", got)
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 {
		t.Errorf("leaves %v", files)
	}
}

// TestDocumentOfOthers is about a file that is there, and is not added to.
func TestDocumentOfOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.md")
	d := Document{Path: path}
	if err := d.Put("a", "", "text"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: got %v", err)
	}
	for _, test := range []struct{ text, want string }{
		{"by hand\n", "no such markers: <!-- a:begin -->"},
		{"by hand <!-- a:begin -->\n", "without <!-- a:end -->"},
		{"<!-- a:end --><!-- a:begin -->\n", "without <!-- a:end -->"},
	} {
		if err := os.WriteFile(path, []byte(test.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := d.Put("a", "", "text"); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got %v, want %q", test.text, err, test.want)
		}
		if now, _ := os.ReadFile(path); string(now) != test.text {
			t.Errorf("%q has become %q", test.text, now)
		}
	}
}
