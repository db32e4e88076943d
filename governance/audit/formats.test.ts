/** The forms in which events leave CMK: what each escapes, and that none leaves anything out. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type AuditEventView, detailOf, textOfDetail } from './event.ts';
import { auditFormats } from './formats.ts';
import { ocsfOf } from './ocsf.ts';
import { logsRequest } from './otlp.ts';

const event: AuditEventView = {
  sequence: 7,
  at: '2031-02-03T04:05:06.789Z',
  actor: 'ada',
  action: 'link.propose',
  subject: 'proposal:1',
  outcome: 'accepted',
  origin: '192.0.2.7',
  correlationId: 'support-case:7',
  detail: { key: 'main' },
  previousHash: 'a'.repeat(64),
  hash: 'b'.repeat(64),
};
const line = (format: keyof typeof auditFormats, change: Partial<AuditEventView> = {}): string =>
  auditFormats[format].line('acme', { ...event, ...change });

/** RFC 4180, read by the letter. */
function cells(text: string): string[] {
  return [...text.matchAll(/"((?:[^"]|"")*)"(?:,|$)/g)].map(([, cell = '']) => cell.replaceAll('""', '"'));
}

test('every format is one line for each event, whatever is in it', () => {
  const nasty = fc.string({ unit: fc.constantFrom(...'a\r\n\t\0|\\="\u2028\u{1f600}') });
  const texts = fc.record({ actor: nasty, subject: nasty });
  fc.assert(
    fc.property(texts, (change) => {
      for (const format of ['jsonl', 'cef', 'ocsf'] as const)
        assert.doesNotMatch(line(format, change), /[\r\n]/);
    }),
  );
});

describe('JSON Lines', () => {
  test('say every field, in the order in which they are read', () => {
    assert.deepEqual(JSON.parse(line('jsonl')), { chain: 'acme', ...event });
  });
});

describe('CSV', () => {
  test('has a cell for each column, quoted', () => {
    const columns = auditFormats.csv.head.trim().split(',');
    const subject = 'a "b", c\nd';
    const row = cells(line('csv', { subject }));
    assert.equal(row.length, columns.length);
    assert.equal(row[columns.indexOf('subject')], subject);
    assert.equal(row[columns.indexOf('detail')], '{"key":"main"}');
    assert.equal(row[columns.indexOf('origin')], '192.0.2.7');
    assert.equal(cells(line('csv', { origin: null }))[columns.indexOf('origin')], '');
  });

  test('holds nothing that a spreadsheet would take for a formula', () => {
    for (const actor of ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1'])
      assert.equal(cells(line('csv', { actor }))[3], `'${actor}`);
  });
});

describe('CEF', () => {
  test('escapes header and extension each in its own way', () => {
    const text = line('cef', { action: 'a|b\\c', subject: 'x=1\\2\n3', actor: 'p|q' });
    assert.ok(text.startsWith('CEF:0|OpenKCM|CMK|1|a\\|b\\\\c|'), text);
    assert.ok(text.includes('msg=x\\=1\\\\2\\n3 '), text);
    assert.ok(text.includes('suser=p|q '), text);
  });

  test('knows addresses of both kinds, and what is none', () => {
    assert.match(line('cef'), / src=192\.0\.2\.7 /);
    assert.match(line('cef', { origin: '2001:db8::1' }), / c6a2=2001:db8::1 c6a2Label=/);
    assert.match(line('cef', { origin: 'region:north' }), / shost=region:north /);
    assert.doesNotMatch(line('cef', { origin: null }), /src=|shost=|c6a2=/);
    assert.match(line('cef'), / rt=1927857906789 /);
  });

  test('grows more severe with what failed', () => {
    const severity = (outcome: string): number => Number(line('cef', { outcome }).split('|')[6]);
    assert.ok(severity('accepted') < severity('refused'));
    assert.ok(severity('refused') < severity('failed'));
  });
});

describe('OCSF', () => {
  test('has what the class API Activity demands', () => {
    const said = ocsfOf('acme', event) as Record<string, Record<string, unknown>>;
    for (const required of [
      'activity_id',
      'actor',
      'api',
      'category_uid',
      'class_uid',
      'metadata',
      'severity_id',
      'src_endpoint',
      'time',
      'type_uid',
    ])
      assert.ok(said[required] !== undefined, required);
    assert.deepEqual([said['class_uid'], said['type_uid'], said['time']], [6003, 600301, 1927857906789]);
    assert.deepEqual(said['actor'], { user: { name: 'ada' } });
    assert.deepEqual(said['src_endpoint'], { ip: '192.0.2.7' });
    assert.deepEqual(said['resources'], [{ type: 'proposal', name: '1' }]);
    assert.equal(said['metadata']?.['tenant_uid'], 'acme');
    assert.equal(said['metadata']?.['correlation_uid'], 'support-case:7');
  });

  test('says of what it has no number for that it is another', () => {
    const said = ocsfOf('_platform', {
      ...event,
      action: 'tenant.bless',
      actor: 'system:audit',
      origin: null,
    });
    assert.deepEqual([said['activity_id'], said['activity_name']], [99, 'tenant.bless']);
    assert.deepEqual(said['actor'], { app_name: 'system:audit' });
    assert.deepEqual(said['src_endpoint'], { name: 'unknown' });
  });
});

test('OTLP carries integers of 64 bits as text, and a time that is none as 0', () => {
  const events = [event, { ...event, at: 'yesterday' }].map((each) => ({ chain: 'acme', event: each }));
  const { resourceLogs } = JSON.parse(logsRequest('test', events));
  const [one, other] = resourceLogs[0].scopeLogs[0].logRecords;
  assert.equal(one.timeUnixNano, '1927857906789000000');
  assert.equal(other.timeUnixNano, '0');
  const values = Object.fromEntries(
    one.attributes.map(({ key, value }: { key: string; value: object }) => [key, Object.values(value)[0]]),
  );
  assert.equal(values['okcm.audit.sequence'], '7');
  assert.equal(values['client.address'], '192.0.2.7');
  assert.equal(values['okcm.audit.hash'], event.hash);
});

test('details come back as the text that was hashed, whatever somebody has made of it', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), fc.constant('{ "a": 1 }'), fc.constant('[1]')), (text) => {
      assert.equal(textOfDetail(detailOf(text)), text);
    }),
  );
  assert.deepEqual(detailOf('{"a":1}'), { a: 1 });
  assert.equal(detailOf('{"a": 1}'), '{"a": 1}');
});
