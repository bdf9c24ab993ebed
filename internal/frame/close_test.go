package frame

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

func TestCloseCodes(t *testing.T) {
	valid := func(code int) bool { // 7.4 and the registry, in ranges
		for _, r := range [][2]int{{1000, 1003}, {1007, 1014}, {3000, 4999}} {
			if r[0] <= code && code <= r[1] {
				return true
			}
		}
		return false
	}
	cfg := &Config{MaxMessage: 100}
	for code := range 1 << 16 {
		body := string([]byte{byte(code >> 8), byte(code)})
		want := `["1002"]`
		if valid(code) {
			want = fmt.Sprintf(`["close %d "]`, code)
		}
		if got, _ := decodeAll(new(Decoder), masked(fin|cls, body), cfg); fmt.Sprintf("%q", got) != want {
			t.Fatalf("code %d: %q, want %s", code, got, want)
		}
	}
}

// Where validCloseCode is not gobwas. Should this fail after an update of gobwas,
// then look whether ours is still needed.
func TestCloseCodesUnlikeGobwas(t *testing.T) {
	for code := range 1 << 16 {
		c := ws.StatusCode(code)
		theirs := ws.CheckCloseFrameData(c, "") == nil
		unlike := 1012 <= code && code <= 1014 || code >= 5000
		if (validCloseCode(c) != theirs) != unlike {
			t.Errorf("code %d: ours %v, theirs %v", code, validCloseCode(c), theirs)
		}
	}
}

func TestAppendClose(t *testing.T) {
	long := strings.Repeat("x", 122)
	for _, tt := range []struct {
		code   ws.StatusCode
		reason string
		want   string // of the body
	}{
		{0, "dropped", ""},
		{ws.StatusNoStatusRcvd, "dropped", ""},
		{ws.StatusAbnormalClosure, "dropped", ""},
		{ws.StatusTLSHandshake, "dropped", ""},
		{5000, "dropped", ""},
		{ws.StatusNormalClosure, "", "\x03\xe8"},
		{StatusTryAgainLater, "too slow", "\x03\xf5too slow"},
		{4999, "bye", "\x13\x87bye"},
		{1000, long + "y", "\x03\xe8" + long + "y"},
		{1000, long + "yz", "\x03\xe8" + long + "y"},
		{1000, long + "é", "\x03\xe8" + long},
		{1000, long[:121] + "é", "\x03\xe8" + long[:121] + "é"},
		{1000, long[:120] + "🙂", "\x03\xe8" + long[:120]},
		{1000, "a\xffb", "\x03\xe8a\ufffdb"},
	} {
		got := AppendClose([]byte("before"), tt.code, tt.reason)
		want := "before\x88" + string(rune(len(tt.want))) + tt.want
		if string(got) != want {
			t.Errorf("AppendClose(%d, %q) = %q, want %q", tt.code, tt.reason, got, want)
		}
		if _, err := decodeAll(new(Decoder), got[len("before"):], &Config{Client: true}); err != nil {
			t.Errorf("AppendClose(%d, %q) is refused: %v", tt.code, tt.reason, err)
		}
	}
}
