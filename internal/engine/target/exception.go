package target

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wedsync/keepsake/internal/engine/pgtool"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Failure is a statement that the target refused, with its answer.
type Failure struct {
	Kind, Object string
	SQL          string
	Entry        int // of the archive; 0 where the statement comes from elsewhere
	Err          error
}

// Exception describes a failure for people and programs. It is the only way by which the text of a statement from a
// recovery point, or a server's answer to it, leaves the process. No secret and no row passes it.
func (f Failure) Exception() keepsake.Exception {
	shown, texts, sure := pgtool.Mask(f.SQL)
	e := keepsake.Exception{
		Kind:    f.Kind,
		Object:  f.Object,
		Code:    state(f.Err),
		Error:   said(f.Err, shown, texts),
		Entry:   f.Entry,
		Means:   Meaning(f.Kind),
		Lacking: lacking(f.Err),
	}
	whole := "no command prints it"
	if f.Entry != 0 {
		whole = fmt.Sprintf("keepsake schema POINT --entry %d prints it", f.Entry)
	}
	switch {
	case f.SQL == "":
	case !sure || !showable.MatchString(shown):
		e.SQLNote = "The statement is not shown, because such statements may hold a password; " + whole + "."
	default:
		e.SQL = cut(shown, longestSQL)
		if len(texts) > 0 || e.SQL != shown {
			e.SQLNote = "Texts in quotes and what is very long are not shown; " + whole + " whole."
		}
	}
	return e
}

const longestSQL = 4000

// showable are the statements whose text may be shown. What has options, settings or a body is not among them: servers,
// user mappings, wrappers, foreign tables, subscriptions, roles, databases, functions.
var showable = regexp.MustCompile(`^(GRANT|REVOKE|COMMENT ON|SECURITY LABEL|REFRESH MATERIALIZED VIEW|SET SESSION
	AUTHORIZATION|SET default_table_access_method|` +
	`ALTER (DEFAULT PRIVILEGES|TABLE|INDEX|SEQUENCE|PUBLICATION|EVENT TRIGGER|TYPE|DOMAIN|LARGE OBJECT|STATISTICS|` +
	`TEXT SEARCH CONFIGURATION)|` +
	`ALTER [A-Z ]+ \S.* OWNER TO \S+|` +
	`CREATE (OR REPLACE )?(UNIQUE INDEX|INDEX|POLICY|TRIGGER|CONSTRAINT TRIGGER|RULE|TABLE|UNLOGGED TABLE|VIEW|` +
	`MATERIALIZED VIEW|TYPE|DOMAIN|SEQUENCE|SCHEMA|` +
	`EXTENSION|EVENT TRIGGER|STATISTICS|PUBLICATION|COLLATION|CAST|AGGREGATE|OPERATOR|` +
	`TEXT SEARCH CONFIGURATION|LANGUAGE|` +
	`TRUSTED LANGUAGE|ACCESS METHOD|DATABASE)) ?`)

// otherQuotes are those that servers of other languages use.
var otherQuotes = strings.NewReplacer("«", `"`, "»", `"`, "„", `"`, "“", `"`, "”", `"`, "‹", `"`, "›", `"`, "‘", `"`,
	"’", `"`)

var pieces = regexp.MustCompile(`[^\s=,;:@/?&'"(){}\[\]]{4,}`)

// said is what the server answered, as far as it can be shown. Its details and hints are not, because they quote rows.
// What it puts in quotes is shown only where the statement, as it is shown, holds the same words: names, that is, and
// no values.
func said(err error, shown string, texts []string) string {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return keepsake.MessageOf(err)
	}
	// RAISE without a code of its own.
	if pg.Code == pgerrcode.RaiseException || pg.Where != "" && !strings.HasPrefix(pg.Where, "COPY ") {
		return "a function of the database ended with an error; its words are not shown, because they may quote rows"
	}
	message := withoutValues(otherQuotes.Replace(pg.Message), shown, strings.HasPrefix(pg.Code, classData))
	for _, text := range texts {
		for _, piece := range pieces.FindAllString(text, -1) {
			if !strings.Contains(shown, piece) {
				message = strings.ReplaceAll(message, piece, "…")
			}
		}
	}
	return cut(message, 500)
}

// classData begins the SQLSTATEs of what is wrong with a value. A message of that class quotes the value as it is, with
// quotes of its own in it.
const classData = "22"

// withoutValues leaves out what a message has in quotes, unless the statement as it is shown holds it. Where a value
// may stand there, everything between the first quote and the last is one.
func withoutValues(message, shown string, value bool) string {
	first, last := strings.Index(message, `"`), strings.LastIndex(message, `"`)
	if value && first < last {
		if inside := message[first+1 : last]; !strings.Contains(shown, inside) {
			message = message[:first+1] + "…" + message[last:]
		}
		return message
	}
	if first < last {
		// A server puts a name between quotes without doubling those in it.
		inside := strings.ReplaceAll(message[first+1:last], `"`, `""`)
		if inside != message[first+1:last] && strings.Contains(shown, `"`+inside+`"`) {
			return message[:first+1] + inside + message[last:]
		}
	}
	parts := strings.Split(message, `"`)
	for i := range parts {
		if i%2 == 1 && parts[i] != "" && !strings.Contains(shown, parts[i]) {
			parts[i] = "…"
		}
	}
	return strings.Join(parts, `"`)
}

func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + " …"
}

// meanings say, by kind, what it means for the data and what to do.
var meanings = map[string]string{
	keepsake.LostRows: "The rows of this table are in the recovery point and not in the new database. Remove the cause " +
		"and restore again, into another database.",
	"extension": "What needs it could not be made either and is named. Install the extension's package on the " +
		"server and restore again, into another database.",
	"table": "The table and its rows are not in the new database. Remove the cause and restore again, into " +
		"another database.",
	"owner":         "It belongs to the role that restored. Create the role and run the statement.",
	"grant":         "Whoever it was for may not do this. Create the role and run the statement.",
	"default grant": "What is made later does not get this right by itself. Create the role and run the statement.",
	"grantor":       "The rights that it gave to others are given by the role that restored.",
	"policy": "Rows that only this policy shows are hidden from everybody it was for. Create the role and run " +
		"the statement.",
	"row-level security": "Row-level security is off for this table: every role that may read it reads all of it. " +
		"Run the statement before anybody else may connect.",
	"comment":        "No row and no rule is missing.",
	"security label": "The rules that the label stood for do not hold. Load the provider and run the statement.",
	"index": "Queries that it served are slow, and what only it kept unique may come twice. Run " +
		"the statement.",
	"not-null constraint": "The database takes rows without a value. Run the statement.",
	"constraint":          "The database takes rows that break it. Run the statement.",
	"check constraint":    "The database takes rows that break it. Run the statement.",
	"foreign key": "The database takes rows that break it. Look for rows without their counterpart, then run " +
		"the statement.",
	"trigger":           "What it did at each change does not happen. Run the statement.",
	"event trigger":     "What it did at each change of the schema does not happen. Run the statement.",
	"rule":              "What it did does not happen. Run the statement.",
	"materialized view": "No row is missing. Remove the cause, then make or refresh it.",
	"view":              "No row is missing, but what reads the view fails. Remove the cause, then run the statement.",
	"leakproof": "The function is there and not marked LEAKPROOF, so that queries behind row-level security may be " +
		"slower. As a superuser, run ALTER FUNCTION … LEAKPROOF.",
	"function":          "What calls it fails. Remove the cause, then run the statement.",
	"publication":       "Nothing is published to subscribers. Run the statement.",
	"user mapping":      "The role cannot read the foreign tables of that server. Create the role and run the statement.",
	"database setting":  "Sessions have the server's own setting. Set it by hand.",
	"role setting":      "Sessions of the role have the database's own setting. Create the role and set it by hand.",
	"database property": "No row and no rule is missing. Set it by hand.",
	"tablespace":        "The database lies in the server's default tablespace. No row is missing.",
	"locale": "Text sorts by the server's own locale. Install the locale on the server and restore again, " +
		"where the order matters.",
	"sequence value": "The sequence begins anew and may give out numbers that are taken. Set it by hand before " +
		"anybody writes.",
	"planner statistics": "No row is missing. Run analyze.",
}

// Meaning says what it means for the data that something of this kind could not be made, and what to do.
func Meaning(kind string) string {
	return cmp.Or(meanings[kind], "It is not in the new database. Remove the cause, then run the statement.")
}

// NamesRole reports whether an exception says of this role that the server lacks it, or of something else of that name.
// The server's words may be in any language.
func NamesRole(e keepsake.Exception, role string) bool {
	return strings.Contains(otherQuotes.Replace(e.Lacking), `"`+otherQuotes.Replace(role)+`"`)
}

// lacking are a server's own words where it lacks what a statement names.
func lacking(err error) string {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != pgerrcode.UndefinedObject {
		return ""
	}
	return pg.Message
}
