package api

import (
	"reflect"
	"strings"
	"testing"

	"github.com/wedsync/keepsake/internal/console"
)

// TestEveryKindIsInTheDocument: where the API names kinds of operation it names all that the console runs.
func TestEveryKindIsInTheDocument(t *testing.T) {
	t.Parallel()
	want := map[string]bool{}
	for _, kind := range console.Kinds() {
		want[string(kind)] = true
	}
	for _, of := range []any{Operation{}, listOperationsInput{}} {
		field, found := reflect.TypeOf(of).FieldByName("Kind")
		if !found {
			t.Fatalf("%T has no kind", of)
		}
		named := map[string]bool{}
		for _, kind := range strings.Split(field.Tag.Get("enum"), ",") {
			named[kind] = true
		}
		if !reflect.DeepEqual(named, want) {
			t.Errorf("%T names the kinds %v, and the console runs %v", of, named, want)
		}
	}
}
