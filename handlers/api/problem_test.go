package api

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wedsync/keepsake/internal/keepsake"
)

// TestAnAnswerThatTookTooLongIsNoFault: it can be asked for again, and what went wrong inside is told to nobody.
func TestAnAnswerThatTookTooLongIsNoFault(t *testing.T) {
	t.Parallel()
	late, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	cause := errors.New("canceling statement at db.internal")
	if p := problemOf(late, cause); p.Status != http.StatusServiceUnavailable || p.Code != "unavailable" ||
		!errors.Is(p, cause) || strings.Contains(p.Detail, "db.internal") {
		t.Errorf("%+v", p)
	}
	if p := problemOf(t.Context(), cause); p.Status != http.StatusInternalServerError ||
		strings.Contains(p.Detail, "db.internal") {
		t.Errorf("%+v", p)
	}
	if p := problemOf(late, keepsake.Errorf(keepsake.CodeNotFound, "There is none.")); p.Status != http.StatusNotFound {
		t.Errorf("%+v", p)
	}
}

// codesOfTheDomain are the codes that errors have, read from where they stand.
func codesOfTheDomain(t *testing.T) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../../internal/keepsake/error.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	ast.Inspect(f, func(n ast.Node) bool {
		spec, is := n.(*ast.ValueSpec)
		if !is {
			return true
		}
		if typ, is := spec.Type.(*ast.Ident); is && typ.Name == "Code" {
			for _, v := range spec.Values {
				literal, is := v.(*ast.BasicLit)
				if !is {
					t.Fatalf("the value of %s is no literal", spec.Names[0])
				}
				code, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				found = append(found, code)
			}
		}
		return true
	})
	return found
}

// TestEveryCodeIsInTheDocument: where the API lists the codes of problems it lists all that there are, and no others.
func TestEveryCodeIsInTheDocument(t *testing.T) {
	t.Parallel()
	field, found := reflect.TypeFor[Problem]().FieldByName("Code")
	if !found {
		t.Fatal("a problem has no code")
	}
	list, found := strings.CutPrefix(field.Tag.Get("doc"), "For machines: ")
	if !found {
		t.Fatalf("the codes are described otherwise: %s", field.Tag.Get("doc"))
	}
	var named []string
	for part := range strings.SplitSeq(list, ", ") {
		code, _, _ := strings.Cut(part, " ") // what it means may follow
		named = append(named, code)
	}
	want := codesOfTheDomain(t)
	slices.Sort(named)
	slices.Sort(want)
	if len(want) < 10 || !slices.Equal(named, want) {
		t.Errorf("the document names the codes %v, and there are %v", named, want)
	}
}
