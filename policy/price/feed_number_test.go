package price

import "testing"

func TestPicoOf(t *testing.T) {
	for _, c := range []struct {
		text  string
		shift int
		want  Pico
		exact bool
	}{
		{"2.5e-06", 0, 2_500_000, true},
		{"0.0000025", 0, 2_500_000, true},
		{"2.9999900000000002e-06", 0, 2_999_990, false},
		{"2.5", -6, 2_500_000, true},
		{"0.00025", -2, 2_500_000, true},
		{"10", -3, 10_000_000_000, true},
		{"0.0", -6, 0, true},
		{"-0", 0, 0, true},
		{"1E-12", 0, 1, true},
		{"5e-13", 0, 0, false},
		{"15e-13", 0, 2, false},
		{"25e-13", 0, 2, false},
		{"2500000e-12", 0, 2_500_000, true},
		{"1e+2", -3, USD / 10, true},
		{"20e-13", 0, 2, true},
		{"2.0e-12", 0, 2, true},
	} {
		got, exact, err := picoOf([]byte(c.text), c.shift)
		if err != nil || got != c.want || exact != c.exact {
			t.Errorf("%s, shift %d: %d, %t, %v, want %d, %t", c.text, c.shift, got, exact, err, c.want, c.exact)
		}
	}
}
