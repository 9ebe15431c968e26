package keepsake

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestSecretHidesItself(t *testing.T) {
	t.Parallel()
	s := Secret("hunter2")
	for _, verb := range "vtbcdoOqxXUeEfFgGs" { // fmt itself answers %T and %p, and vet refuses %p of a string
		for _, flag := range []string{"", "+", "#", " "} {
			for _, v := range []any{s, &s, struct{ S Secret }{s}, []Secret{s}} {
				out := fmt.Sprintf("%"+flag+string(verb), v)
				if strings.Contains(out, "hunter2") || strings.Contains(strings.ToLower(out), "68756e74657232") {
					t.Errorf("%%%s%c prints %s", flag, verb, out)
				}
			}
		}
	}
	if out, err := json.Marshal(map[string]any{"s": s}); err != nil || string(out) != `{"s":"[secret]"}` {
		t.Errorf("JSON: %s, %v", out, err)
	}
	if s.Reveal() != "hunter2" {
		t.Error("Reveal does not reveal")
	}
}
