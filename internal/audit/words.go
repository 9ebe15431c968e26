package audit

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/fold"
)

// mostWords is how many words an entry is found by.
const mostWords = 100

// words returns what an entry is found by: everything that a page shows of it, folded like every search.
func words(row sqlcgen.InsertAuditParams) []string {
	said := []string{row.ActorName, row.Address, row.Action, strings.ReplaceAll(row.Action, ".", " "), row.Target,
		row.Wedding, row.Point, row.RequestID}
	decoder := json.NewDecoder(bytes.NewReader(row.Detail))
	decoder.UseNumber()
	var detail map[string]any
	if decoder.Decode(&detail) == nil {
		for _, key := range slices.Sorted(maps.Keys(detail)) {
			said = texts(said, detail[key])
		}
	}
	keys := fold.Keys(strings.Join(said, " "), mostWords)
	if keys == nil {
		keys = []string{}
	}
	return keys
}

// texts appends the texts of a value of JSON, and in objects within it the names of its fields.
func texts(said []string, value any) []string {
	switch v := value.(type) {
	case string:
		return append(said, v)
	case json.Number:
		return append(said, v.String())
	case []any:
		for _, one := range v {
			said = texts(said, one)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			said = texts(append(said, key), v[key])
		}
	}
	return said
}
