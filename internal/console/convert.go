package console

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/engine"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/progress"
)

func operationOf(r sqlcgen.BackupOperation) (Operation, error) {
	o := Operation{
		ID:              r.ID,
		Platform:        r.Platform,
		Kind:            Kind(r.Kind),
		State:           State(r.State),
		EventID:         r.LastEventID,
		Type:            keepsake.BackupType(deref(r.BackupType)),
		Note:            r.Note,
		Point:           r.PointID,
		Deep:            r.Deep,
		Target:          r.Target,
		Database:        r.TargetDatabase,
		RequestedBy:     r.RequestedName,
		RequestedByID:   r.RequestedBy,
		ApprovedBy:      r.ApprovedName,
		ApprovedAt:      deref(r.ApprovedAt),
		Organization:    deref(r.Organization),
		CreatedAt:       r.CreatedAt,
		StartedAt:       deref(r.StartedAt),
		FinishedAt:      deref(r.FinishedAt),
		Attempt:         int(r.Attempt),
		CancelRequested: r.CancelRequestedAt != nil,
		Rows:            r.RowsDone,
		Bytes:           r.BytesDone,
		Seconds:         r.Seconds,
		Protected:       deref(r.Protected),
		Lacks:           r.Lacks,
		OK:              deref(r.Ok),
		ErrorCode:       keepsake.Code(deref(r.ErrorCode)),
		ErrorMessage:    deref(r.ErrorMessage),
	}
	if err := decode(r.Labels, &o.Labels); err != nil {
		return o, fmt.Errorf("decode the labels of operation %s: %w", r.ID, err)
	}
	if err := decode(r.Weddings, &o.Weddings); err != nil {
		return o, fmt.Errorf("decode the weddings of operation %s: %w", r.ID, err)
	}
	if len(r.Restore) > 0 {
		o.Asked = &RestoreAsked{}
		if err := json.Unmarshal(r.Restore, o.Asked); err != nil {
			return o, fmt.Errorf("decode what operation %s restores: %w", r.ID, err)
		}
	}
	if len(r.Progress) > 0 {
		o.Progress = &engine.Progress{}
		if err := json.Unmarshal(r.Progress, o.Progress); err != nil {
			return o, fmt.Errorf("decode the progress of operation %s: %w", r.ID, err)
		}
	}
	var err error
	if o.Covers, err = coverageOf(r); err != nil {
		return o, fmt.Errorf("decode what operation %s covers: %w", r.ID, err)
	}
	if len(r.Result) == 0 {
		return o, nil
	}
	k, err := kindNamed(o.Kind)
	if err != nil {
		return o, err
	}
	if err := json.Unmarshal(r.Result, k.resultOf(&o)); err != nil {
		return o, fmt.Errorf("decode the result of operation %s: %w", r.ID, err)
	}
	return o, nil
}

// decode reads what a column of a row holds. Most labels and marks are empty, and a list has hundreds of them.
func decode(column []byte, v any) error {
	if text := string(column); text == "{}" || text == "[]" {
		return nil
	}
	return json.Unmarshal(column, v)
}

func pointOf(r sqlcgen.RecoveryPoint) (Point, error) {
	p := Point{Platform: r.Platform, Operation: deref(r.OperationID), Point: engine.Point{
		ID:          r.ID,
		Time:        r.TakenAt,
		Type:        r.BackupType,
		Note:        r.Note,
		Database:    r.SourceDatabase,
		Server:      r.SourceServer,
		Tables:      int(r.Tables),
		Rows:        r.Rows,
		BytesRead:   r.BytesRead,
		BytesStored: r.BytesStored,
		BytesNew:    r.BytesNew,
		Chunks:      r.Chunks,
		ChunksNew:   r.ChunksNew,
		Seconds:     r.Seconds,
		Protected:   r.Protected,
		Lacks:       r.Lacks,
		Locked:      r.Locked,
		Trust:       keepsake.Trust(r.Trust),
	}}
	if err := decode(r.Labels, &p.Labels); err != nil {
		return p, fmt.Errorf("decode the labels of recovery point %s: %w", r.ID, err)
	}
	if err := decode(r.Doubts, &p.Doubts); err != nil {
		return p, fmt.Errorf("decode the doubts about recovery point %s: %w", r.ID, err)
	}
	if err := decode(r.Copies, &p.Copies); err != nil {
		return p, fmt.Errorf("decode the copies of recovery point %s: %w", r.ID, err)
	}
	var metadata weddingMetadata
	if err := decode(r.Covers, &p.Covers); err != nil {
		return p, fmt.Errorf("decode what recovery point %s covers: %w", r.ID, err)
	}
	if err := decode(r.WeddingMetadata, &metadata); err != nil {
		return p, fmt.Errorf("decode the weddings of recovery point %s: %w", r.ID, err)
	}
	p.Weddings = metadata.Weddings
	p.GoesAfter, p.GoesBecause = deref(r.GoesAfter), r.GoesBecause
	if len(r.DataCompleteness) > 0 {
		p.Proof = &engine.PointProof{}
		if err := json.Unmarshal(r.DataCompleteness, p.Proof); err != nil {
			return p, fmt.Errorf("decode what was found of recovery point %s: %w", r.ID, err)
		}
	}
	return p, nil
}

// weddingMetadata is what recovery_points.wedding_metadata holds.
type weddingMetadata struct {
	Weddings []keepsake.WeddingMark `json:"weddings,omitempty"`
}

// pointRow is what the repository says of a point, as the cache keeps it.
func pointRow(platform string, p engine.Point, operation string) (sqlcgen.UpsertPointParams, error) {
	row := sqlcgen.UpsertPointParams{
		ID:             p.ID,
		Platform:       platform,
		TakenAt:        p.Time,
		BackupType:     p.Type,
		Note:           p.Note,
		SourceDatabase: p.Database,
		SourceServer:   p.Server,
		Tables:         int32(p.Tables),
		Rows:           p.Rows,
		BytesRead:      p.BytesRead,
		BytesStored:    p.BytesStored,
		BytesNew:       p.BytesNew,
		Chunks:         p.Chunks,
		ChunksNew:      p.ChunksNew,
		Seconds:        p.Seconds,
		Protected:      p.Protected,
		Lacks:          p.Lacks,
		Locked:         p.Locked,
		Trust:          string(p.Trust),
	}
	if operation != "" {
		row.OperationID = &operation
	}
	if p.Labels == nil {
		p.Labels = map[string]string{}
	}
	if p.Copies == nil {
		p.Copies = []keepsake.Copy{}
	}
	var err error
	if row.Labels, err = json.Marshal(p.Labels); err != nil {
		return row, fmt.Errorf("encode the labels of recovery point %s: %w", p.ID, err)
	}
	if row.Doubts, err = json.Marshal(append([]keepsake.Doubt{}, p.Doubts...)); err != nil {
		return row, fmt.Errorf("encode the doubts about recovery point %s: %w", p.ID, err)
	}
	if row.Copies, err = json.Marshal(p.Copies); err != nil {
		return row, fmt.Errorf("encode the copies of recovery point %s: %w", p.ID, err)
	}
	row.Covers = []byte("{}")
	if p.Covers != nil {
		if row.Covers, err = json.Marshal(p.Covers); err != nil {
			return row, fmt.Errorf("encode what recovery point %s covers: %w", p.ID, err)
		}
		row.Covers = progress.CleanJSON(row.Covers)
	}
	if row.WeddingMetadata, err = json.Marshal(weddingMetadata{p.Weddings}); err != nil {
		return row, fmt.Errorf("encode the weddings of recovery point %s: %w", p.ID, err)
	}
	if len(p.Weddings) == 1 { // the columns are about points that were made for one wedding
		w := p.Weddings[0]
		if date, err := time.Parse(time.DateOnly, w.Date); err == nil {
			days := int32(keepsake.DaysBefore(date, p.Time))
			row.WeddingID, row.WeddingDate, row.WeddingMilestone = &w.WeddingID, &date, orNil(w.Milestone)
			row.DaysBeforeWedding, row.TimelinePhase = &days, orNil(string(keepsake.PhaseOf(int(days))))
		}
	}
	return row, nil
}

func testOf(r sqlcgen.BackupTest) PointTest {
	return PointTest{
		ID:        r.ID,
		Point:     r.PointID,
		Kind:      r.Kind,
		Operation: deref(r.OperationID),
		At:        r.TestedAt,
		OK:        r.Ok,
		Findings:  int(r.Findings),
		Seconds:   r.Seconds,
		Asked:     r.Asked,
		Away:      r.Away,
	}
}

func providerOf(p engine.Provider, rows []sqlcgen.ProviderState) ProviderState {
	s := ProviderState{Name: p.Name, Medium: p.Medium, Region: p.Region, Offsite: p.Offsite}
	for _, r := range rows {
		if r.Name != p.Name {
			continue
		}
		s.Checked, s.Reachable, s.Error = deref(r.CheckedAt), r.Reachable, r.Error
		s.Written = deref(r.WrittenAt)
		s.LastPoint, s.LastConfirmed, s.Points = r.LastPoint, deref(r.LastConfirmedAt), r.Points
	}
	return s
}

// deref returns what p points to, or the zero value.
func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func orNil[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// day returns the calendar day of t, at midnight UTC, as weddings have it.
func day(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}
