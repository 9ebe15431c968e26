package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgerrcode"

	"github.com/wedsync/keepsake/handlers/format"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Values of the console, as it would give them to a page: handlers/draw makes the words of them.

var (
	now   = time.Date(2026, 11, 23, 7, 17, 0, 0, time.UTC)
	began = now.Add(-12 * time.Minute)
	clock = format.Clock{Now: now, Zone: time.UTC}
	admin = keepsake.Actor{ID: "1", Name: "amelia.hart@wedsync.example", Role: keepsake.RoleSuperAdmin}
)

const (
	pointID     = "20261123T070500Z-4f1c9b2e77aa"
	operationID = "01K9Z3M8Q4"
	// longPerson and longTable have to be broken somewhere.
	longPerson = "an-extraordinarily-long-address-of-somebody@subsidiary.of.a.large.hotel-group.example"
	longTable  = "a_table_with_quite_a_long_name_that_somebody_generated_from_code"
	chunk      = "chunks/ab/abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789"
	// forbidden is what the console says of a store that refuses it.
	forbidden = "The store refused access, so copies there cannot be relied on. The credentials are wrong, or lack the " +
		"right to read, list or write in this bucket. Correct them, or give them that right."
)

// copiesAt are the copies of a recovery point at the three providers, where the last may lack it.
func copiesAt(whole bool) []keepsake.Copy {
	list := []keepsake.Copy{{Provider: "local", Medium: "disk", Confirmed: true},
		{Provider: "supabase", Medium: "supabase", Confirmed: true},
		{Provider: "offsite", Medium: "gcs", Offsite: true, Confirmed: whole}}
	if !whole {
		list[2].Error = forbidden
	}
	return list
}

// pointAt is a recovery point of some hours ago.
func pointAt(hours int, whole bool) console.Point {
	at := began.Add(-time.Duration(hours) * time.Hour)
	p := console.Point{Operation: operationID, Point: engine.Point{
		ID:          at.Format("20060102T150405Z") + "-4f1c9b2e77aa",
		Time:        at,
		Type:        string(keepsake.BackupIncremental),
		Database:    "wedsync",
		Server:      "15.4",
		Tables:      38,
		Rows:        6_142_885,
		BytesRead:   1_717_986_918,
		BytesStored: 421_527_552,
		BytesNew:    13_002_342,
		Chunks:      402,
		ChunksNew:   157,
		Seconds:     171,
		Copies:      copiesAt(whole),
		Protected:   whole,
		Lacks:       keepsake.JudgeProtection(copiesAt(whole)).Lacks(),
	}}
	return p
}

func progressAt(percent int) *engine.Progress {
	table := func(tier keepsake.Tier, name string, done int64, rows, bytes int64) engine.TableProgress {
		t := engine.TableProgress{
			Schema:     "public",
			Name:       name,
			Tier:       string(tier),
			State:      engine.ItemRunning,
			RowsDone:   rows * done / 100,
			RowsTotal:  rows,
			BytesDone:  bytes * done / 100,
			BytesTotal: bytes,
		}
		switch done {
		case 0:
			t.State = engine.ItemWaiting
		case 100:
			t.State = engine.ItemDone
		}
		return t
	}
	const whole = 1_717_986_918
	return &engine.Progress{
		Stage:         engine.StageReading,
		StartedAt:     began,
		UpdatedAt:     began.Add(72 * time.Second),
		Point:         pointID,
		RowsDone:      2_640_112,
		RowsTotal:     6_142_885,
		BytesDone:     whole * int64(percent) / 100,
		BytesTotal:    whole,
		BytesNew:      44_040_192,
		BytesUploaded: 126_877_696,
		ChunksDone:    402,
		ChunksNew:     118,
		ChunksTotal:   960,
		Tables: []engine.TableProgress{
			table(keepsake.TierCritical, "users", 100, 12_004, 4_404_019),
			table(keepsake.TierCritical, "suppliers", 100, 8_112, 4_089_446),
			table(keepsake.TierCritical, "clients", 100, 38_058, 13_631_488),
			table(keepsake.TierHigh, "audit_logs", 64, 940_000, 492_830_720),
			table(keepsake.TierHigh, "files", 100, 88_120, 42_991_616),
			table(keepsake.TierHigh, "payments", 12, 36_000, 17_825_792),
			table(keepsake.TierHigh, "journey_instances", 0, 91_000, 65_011_712),
			table(keepsake.TierStandard, longTable, 0, 1_900_000, 421_527_552)},
		Providers: []engine.ProviderProgress{
			{Name: "local", State: engine.ItemRunning, Confirmed: 402, Bytes: 126_877_696},
			{Name: "supabase", State: engine.ItemLagging, Confirmed: 311, Lag: 91, Bytes: 92_274_688},
			{Name: "offsite", State: engine.ItemFailed, Confirmed: 120, Lag: 282, Bytes: 32_505_856, Error: forbidden}},
	}
}

// backupOf is a full backup in a state.
func backupOf(state console.State) console.Operation {
	o := console.Operation{
		ID:            operationID,
		Kind:          console.KindBackup,
		State:         state,
		Type:          keepsake.BackupFull,
		Note:          "before the new invoice module",
		Labels:        map[string]string{"app": "4.2"},
		RequestedBy:   admin.Name,
		RequestedByID: admin.ID,
		CreatedAt:     began,
		StartedAt:     began,
		Attempt:       1,
		Progress:      progressAt(43),
	}
	switch {
	case state == console.StateQueued:
		o.StartedAt, o.Attempt, o.Progress = time.Time{}, 0, nil
	case !state.Active():
		o.FinishedAt = began.Add(171 * time.Second)
	}
	if state == console.StateFailed {
		o.ErrorCode, o.ErrorMessage = keepsake.CodeUnavailable,
			"The platform closed the connection while public.audit_logs was read: look whether it runs, then try again."
	}
	return o
}

func logLines() []console.LogLine {
	var lines []console.LogLine
	for i, l := range [][2]string{{"info", "Checked platform, providers and key: ready"},
		{"info", "Snapshot taken at 0/5A3F2B8, 38 tables"},
		{"warn", "supabase answers slowly; its copy will be completed after reading"},
		{"error", "offsite: 403 Forbidden for " + chunk}} {
		lines = append(lines, console.LogLine{
			ID:      int64(i + 1),
			LogLine: engine.LogLine{Time: began.Add(time.Duration(i) * time.Second), Level: l[0], Message: l[1]},
		})
	}
	return lines
}

// backupDone is a full backup that ended, of which the offsite provider got no copy.
func backupDone(whole bool) console.Operation {
	o, p := backupOf(console.StateDone), pointAt(0, whole)
	done := *o.Progress
	done.Stage = engine.StageDone
	o.Progress, o.Point, o.Rows, o.Bytes, o.Seconds = &done, p.ID, p.Rows, p.BytesRead, p.Seconds
	o.Protected, o.Lacks = p.Protected, p.Lacks
	o.Backup = &engine.BackupResult{
		Point:         p.ID,
		Type:          p.Type,
		Time:          p.Time,
		Tables:        p.Tables,
		Rows:          p.Rows,
		BytesRead:     p.BytesRead,
		BytesNew:      p.BytesNew,
		BytesUploaded: 2 * p.BytesNew,
		BytesStored:   p.BytesStored,
		Uploaded:      map[string]int64{"local": p.BytesNew, "supabase": p.BytesNew},
		ChunksNew:     p.ChunksNew,
		ChunksTotal:   p.Chunks,
		Seconds:       p.Seconds,
		PeakMemory:    148_897_792,
		Copies:        p.Copies,
		Protected:     p.Protected,
		Lacks:         p.Lacks,
		NotCarried:    notCarried(),
	}
	o.Covers = &console.BackupCoverage{
		Days:    []keepsake.DayRange{{From: "2026-11-23", To: "2027-08-14"}},
		Vendors: &keepsake.VendorCoverage{Vendors: 8_112, Reachable: 8_040}}
	return o
}

func notCarried() []keepsake.NotCarried {
	return []keepsake.NotCarried{{
		Kind:   "foreign table",
		Name:   "analytics.clicks",
		Reason: "Its rows live on another server; only its definition is kept.",
	},
		{
			Kind:   "unlogged table",
			Name:   "public.session_cache",
			Reason: "Unlogged tables are lost at a crash by design; only the definition is kept.",
		}}
}

// restoreOf is a restore into a new database in a state.
func restoreOf(state console.State) console.Operation {
	o := backupOf(state)
	o.Kind, o.Type, o.Note, o.Labels = console.KindRestore, "", "", nil
	o.Point, o.Target, o.Database = pointID, "platform", "wedsync_restored"
	if o.Progress != nil {
		o.Progress.Stage = engine.StageLoading
	}
	return o
}

// restoreDone is a restore that lost a table and could not make other things.
func restoreDone() console.Operation {
	o := restoreOf(console.StateDone)
	o.Progress.Stage = engine.StageDone
	lost := keepsake.Exception{
		Kind:    keepsake.LostRows,
		Object:  "public.venues",
		Because: "table public.venues",
		Error:   "The table could not be made; its 1412 rows are not in the new database.",
		Means: "The rows of this table are in the recovery point and not in the new database. Remove the cause and " +
			"restore again, into another database.",
	}
	grant := keepsake.Exception{
		Kind:   "grant",
		Object: "TABLE guests in schema public",
		Code:   pgerrcode.UndefinedObject,
		Error:  `role "app" does not exist`,
		SQL:    "GRANT SELECT ON TABLE public.guests TO app",
		Means:  "Nobody has this right. Create the role and run the statement.",
	}
	policy := keepsake.Exception{
		Kind:    "comment",
		Object:  "POLICY own ON guests in schema public",
		Code:    pgerrcode.UndefinedObject,
		Error:   `policy "own" for table "guests" does not exist`,
		Because: "policy public.guests own",
		SQL:     "COMMENT ON POLICY own ON public.guests IS '…'",
		Means:   "No row and no rule is missing.",
		SQLNote: "Texts in quotes and what is very long are not shown; keepsake schema " + pointID +
			" --entry 3365 prints it whole.",
	}
	r := &engine.RestoreResult{
		Point:       pointID,
		Provider:    "local",
		Tables:      37,
		Rows:        6_141_473,
		Bytes:       1_717_986_918,
		Seconds:     41,
		Outcome:     engine.OutcomeExceptions,
		TierSeconds: map[string]float64{"critical": 4, "high": 18, "standard": 39},
		Message: "Restored with exceptions: the rows of 1 table could not be restored, and 42 things could not be made. " +
			"Do not take this database for whole.",
		Exceptions: []keepsake.Exception{lost},
	}
	for range 21 {
		r.Exceptions = append(r.Exceptions, grant, policy)
	}
	o.Restore, o.Seconds, o.Bytes = r, r.Seconds, r.Bytes
	return o
}

// verifyDone is a deep verification that found a damaged copy.
func verifyDone() console.Operation {
	o := backupOf(console.StateDone)
	o.Kind, o.Type, o.Note, o.Labels, o.Deep, o.Progress = console.KindVerify, "", "", nil, true, nil
	o.Verify = &engine.VerifyResult{
		Points:  214,
		Objects: 12_204,
		Bytes:   3_328_599_654,
		Seconds: 242,
		Findings: []engine.VerifyFinding{{
			Provider: "local",
			Object:   chunk,
			Damage:   true,
			Problem:  "The checksum differs: a bit flipped on this disk. Copy it again from another provider.",
		},
			{Provider: "offsite", Problem: "The provider could not be asked. " + forbidden}},
	}
	return o
}

// repairDone is a repair that mended one provider and could not mend another.
func repairDone() console.Operation {
	o := verifyDone()
	o.Kind, o.Verify = console.KindRepair, nil
	const full = "The disk is full, so it takes no new copies. Free some space or enlarge it, then run keepsake repair."
	o.Repair = &engine.RepairResult{
		Points:  3,
		Deep:    true,
		Copied:  41,
		Bytes:   100_663_296,
		Seconds: 12,
		Repaired: []engine.VerifyFinding{{
			Provider: "supabase",
			Object:   chunk,
			Damage:   true,
			Problem:  "The object was missing.",
		}},
		Remaining: []engine.VerifyFinding{
			{
				Provider: "offsite",
				Object:   "manifests/" + pointID,
				Problem:  "The recovery point could not be completed there. " + full,
			},
			{
				Provider: "offsite",
				Object:   "notes/audit/" + pointID,
				Problem:  "What it lacks there could not be copied. " + full,
			}},
	}
	return o
}

// history are operations of every kind and state, newest first.
func history(n int) (list []console.Operation) {
	each := []console.Operation{backupOf(console.StateRunning), backupDone(true), backupDone(false),
		backupOf(console.StateFailed), backupOf(console.StateCancelled), verifyDone(), repairDone(), restoreDone()}
	for i := range n {
		o := each[i%len(each)]
		o.CreatedAt = began.Add(-time.Duration(i) * time.Hour)
		if i == 1 {
			o.Note = long(6)
		}
		list = append(list, o)
	}
	return list
}

// weddingOn is a wedding in so many days.
func weddingOn(i int, couple, organization string, days int) console.Wedding {
	day := now.Truncate(24*time.Hour).AddDate(0, 0, days)
	return console.Wedding{
		Wedding: engine.Wedding{
			ID:             fmt.Sprint(i),
			Couple:         couple,
			OrganizationID: "7",
			Organization:   organization,
			Date:           day,
		},
		DaysLeft: days,
		Phase:    keepsake.PhaseOf(days),
		Urgency:  keepsake.UrgencyOf(days),
	}
}

func nextWeddings() []console.Wedding {
	return []console.Wedding{
		weddingOn(1, "Olivia Bennett & Noah Castellanos", "Lavender & Lace Events", 0),
		weddingOn(2, "Priya Raghunathan & Tom Ashworth", "The Orchard Barn", 1),
		weddingOn(3, longCouple, "Schloss Neuenfels Hochzeiten & Bankette GmbH & Co. KG", 5),
		weddingOn(4, "Grace Okafor & Liam Doyle", "Harbour Light Weddings", 19),
		weddingOn(5, "Sofia Marín & Jack Whitlock", "Willow & Wild", 54)}
}

func providersAll() []console.ProviderState {
	state := console.ProviderState{
		Checked:       now.Add(-40 * time.Second),
		Reachable:     true,
		Written:       now.Add(-3 * time.Minute),
		LastPoint:     pointID,
		LastConfirmed: began,
		Points:        214,
	}
	local, supabase, offsite := state, state, state
	local.Name, local.Medium = "local", "disk"
	supabase.Name, supabase.Medium, supabase.Region = "supabase", "supabase", "eu-west-1"
	offsite.Name, offsite.Medium, offsite.Region, offsite.Offsite = "offsite", "gcs", "europe-west3", true
	return []console.ProviderState{local, supabase, offsite}
}

// overview is a console where all is well.
func overview() console.Dashboard {
	p := pointAt(0, true)
	return console.Dashboard{
		Now:           now,
		Newest:        &p,
		Protection:    keepsake.JudgeProtection(p.Copies),
		Age:           now.Sub(p.Time),
		MaxAge:        24 * time.Hour,
		Recent:        history(5)[1:],
		Points:        214,
		Providers:     providersAll(),
		Weddings:      nextWeddings(),
		WeddingsAhead: 125,
	}
}

// overviewAlarm is one where the platform is away, a provider fails and the newest recovery point is old.
func overviewAlarm() console.Dashboard {
	d, p, failed := overview(), pointAt(57, false), backupOf(console.StateFailed)
	d.Newest, d.Protection, d.Age, d.LastBackup = &p, keepsake.JudgeProtection(p.Copies), now.Sub(p.Time), &failed
	d.Alarm, d.AlarmText = console.AlarmLate,
		"The newest recovery point is 2 days 9 h old; changes since then could not be brought back. Make a backup now."
	d.Platform = console.PlatformState{
		Kind:  console.PlatformAway,
		Words: "db.wedsync.example:5432/wedsync cannot be reached: is the server running and the address right?",
	}
	d.Providers[2].Error, d.Providers[2].Behind = forbidden, true
	d.Weddings, d.WeddingsAhead, d.WeddingsMissing = nil, 0, d.Platform.Words+
		" No recovery point could be read for weddings either."
	return d
}

// providersInEachState are one provider for each state that a card can be in.
func providersInEachState() []console.ProviderState {
	of := func(name, medium, region string, change func(*console.ProviderState)) console.ProviderState {
		p := providersAll()[0]
		p.Name, p.Medium, p.Region = name, medium, region
		change(&p)
		return p
	}
	fails := func(words string) func(*console.ProviderState) {
		return func(p *console.ProviderState) { p.Error, p.Behind, p.Points = words, true, 213 }
	}
	return []console.ProviderState{
		of("works", "disk", "", func(*console.ProviderState) {}),
		of("behind", "supabase", "eu-west-1", func(p *console.ProviderState) { p.Behind = true }),
		of("fails", "gcs", "europe-west3", fails("In the backup of 23 Nov 07:05 UTC it got no copy. "+forbidden)),
		of("away", "s3", "eu-central-1", fails("It did not answer for 8 s while it was asked for keepsake.json, so it "+
			"was given up for now. It hangs or is overloaded, or the network to it is down. See to that, then run keepsake "+
			"repair.")),
		of("unmounted-disk-with-a-name-that-is-rather-long", "disk", "", fails("Its directory is not there, so it takes "+
			"no copies and gives none. Mount its disk, or bring the directory back.")),
		of("somebody-elses", "s3", "eu-west-1", func(p *console.ProviderState) {
			p.LastConfirmed, p.Points = time.Time{}, 0
			p.Error = "Its identity is of repository 5f0c1e3b9d7a42c68e1f0a2b4c6d8e90, and not of " +
				"c25a11b4019ead37eeda380106b6fd0d. Give it an empty place of its own."
		}),
		of("new", "gcs", "europe-west1", func(p *console.ProviderState) {
			*p = console.ProviderState{Name: p.Name, Medium: p.Medium, Region: p.Region}
		}),
	}
}

func long(n int) string { return strings.Repeat("a very long name ", n) }
