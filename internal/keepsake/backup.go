package keepsake

// BackupType says what a backup reads and how far it trusts what is already in the repository.
type BackupType string

// The backup types. Wedding and emergency backups narrow the scope; the other three cover whole tables.
const (
	// reads every row again, uploads only what is missing, re-reads every stored copy
	BackupFull BackupType = "full"
	// reads only page ranges whose rows changed since the previous recovery point
	BackupIncremental BackupType = "incremental"
	BackupCritical    BackupType = "critical"  // the critical tier only, read like an incremental
	BackupWedding     BackupType = "wedding"   // one wedding
	BackupEmergency   BackupType = "emergency" // one wedding, ahead of every queue
)

// ParseBackupType returns the type named s, or an Error with CodeInvalid.
func ParseBackupType(s string) (BackupType, error) {
	switch t := BackupType(s); t {
	case BackupFull, BackupIncremental, BackupCritical, BackupWedding, BackupEmergency:
		return t, nil
	}
	return "", Errorf(CodeInvalid, "unknown backup type %q: use full, incremental or critical", s)
}
