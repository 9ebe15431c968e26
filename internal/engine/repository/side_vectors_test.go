package repository

// sideVectors are what lies beside recovery points in the vectors, by name.
var sideVectors = map[string]string{
	undoVector: `{"restore":"20261123T070000Z-0123456789ab","time":"2026-11-23T07:00:00Z",` +
		`"point":"20261123T065312Z-9f86d081a2b4",` +
		`"root":"public.weddings","id":"1","name":"Zoë & Łukasz","mode":"rewind","wedding":true,` +
		`"tables":[{"table":"public.weddings",` +
		`"belongs":"owned","key":["id"],"columns":[{"name":"id","type":"bigint"},{"name":"couple","type":"text"}],` +
		`"unchanged":0,` +
		`"changes":[{"op":"update","before":["1","Zoe"],"after":["1","Zoë & Łukasz"]},{"op":"insert","after":["2",null]}]}]}`,
	"notes/access/20261123T070000Z-00000000000a": `[{"email":"ada@example.com",` +
		`"password_hash":"$argon2id$v=19$m=64,t=1,p=1$c2FsdA$aGFzaA",` +
		`"role":"super_admin","organization":""}]`,
	"notes/audit/20261123T070000Z-00000000000b": `{"trail":"5e4f","row":12,"hash":"` +
		`0000000000000000000000000000000000000000000000000000000000000012","at":"2026-11-23T07:00:00Z"}`,
	"notes/points/20261123T065312Z-9f86d081a2b4/20261123T070000Z-00000000000c": `{"note":"before the season",` +
		`"labels":{"by":"Ada"},` +
		`"locked":true,"by":"ada@example.com","at":"2026-11-23T07:00:00Z"}`,
}
