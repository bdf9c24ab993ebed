package harness

import "testing"

func TestUnits(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{Digits(0), "0"}, {Digits(0.03454), "0.0345"}, {Digits(9.996), "10.0"}, {Digits(345.4), "345"}, {Digits(999.9), "1,000"},
		{Digits(34_512), "34,500"}, {Digits(-1234567), "-1,230,000"}, {Digits(0.1), "0.100"}, {Digits(1e-4), "0.000100"},
		{Count(200_000), "200,000"}, {Count(-999), "-999"}, {Count(int64(1000)), "1,000"},
		{Bytes(303), "303 B"}, {Bytes(9999), "10,000 B"}, {Bytes(22_528), "22.0 KiB"}, {Bytes(25_165_824), "24.0 MiB"}, {Bytes(24 << 30), "24.0 GiB"},
		{Sum(98, 97, 101).Write(Milliseconds), "98.0 ms (97.0–101)"}, {Sum(2_100_000).Write(Millions), "2.10 M/s"},
		{Sum(3, 1, 4, 2).Write(Microseconds), "2.50 µs (1.00–4.00)"},
		{Minutes(48.4), "48 s"}, {Minutes(845), "14 min 5 s"},
		{Sources(1), "127.0.0.2"}, {Sources(15_000), "127.0.0.2-127.0.0.3"}, {Sources(200_000), "127.0.0.2-127.0.0.21"}, {Sources(3_000_000), "127.0.0.2-127.0.1.45"},
		{CommandLine("bin/bench", []string{"survey", "-n", "3", "--hello", `{"it's":1}`, ""}), `bin/bench survey -n 3 --hello '{"it'\''s":1}' ''`},
		{Table([]string{"a", "b"}, [][]string{{"1", "2|3"}}), "| a | b |\n|---|---|\n| 1 | 2\\|3 |"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
	if s := Sum(); s != (Spread{}) {
		t.Errorf("of nothing: %+v", s)
	}
	if got := Processes(200_000, 19_800); got != 11 {
		t.Errorf("%d processes", got)
	}
}
