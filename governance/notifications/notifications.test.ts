/** What channels are told, over real HTTP and SMTP servers: signed, in order, again when it failed, and nowhere it may not go. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { SMTPServer } from 'smtp-server';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { testWorld } from '../../testkit/governance.ts';
import { until, type World } from '../test-world.ts';
import { checkedAddress, DeliveryError, guardOf } from './addresses.ts';
import { isToldOf } from './message.ts';
import { readNotificationSettings } from './settings.ts';
import { postWebhook, whyRefused } from './webhook.ts';

interface Had {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let world: World;
let receiver: Server;
let smtp: SMTPServer;
const had: Had[] = [];
const mails: { readonly to: string[]; readonly raw: string }[] = [];
/** What the receiver answers at this path; 204 elsewhere. */
const answers = new Map<string, { status: number; location?: string }>();
const directory = temporaryDirectory('notifications');
const keyFile = join(directory, 'key');

const portOf = (server: { address(): AddressInfo | string | null }): number =>
  (server.address() as AddressInfo).port;
const webhook = (path: string): string => `http://127.0.0.1:${portOf(receiver)}${path}`;
const hadAt = (path: string): Had[] => had.filter((each) => each.path === path);

before(async () => {
  await writeFile(keyFile, 'a key of the tests that has more than 32 characters\n', { mode: 0o600 });
  receiver = createServer((request, response) => {
    void text(request).then((body) => {
      had.push({ path: request.url ?? '', headers: request.headers, body });
      const { status, location } = answers.get(request.url ?? '') ?? { status: 204 };
      response.writeHead(status, location === undefined ? {} : { location }).end();
    });
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    onData(stream, session, done) {
      void text(stream).then((raw) => {
        mails.push({ to: session.envelope.rcptTo.map(({ address }) => address), raw });
        done();
      });
    },
  });
  const listening = smtp.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  world = await testWorld({
    regions: ['north'],
    notifications: {
      keyFile,
      webhooks: { allow: ['127.0.0.1/32'], http: true },
      smtp: { host: '127.0.0.1', port: portOf(smtp.server), tls: 'none', from: 'okcm@example.com' },
    },
  });
  await world.onboard('acme');
});
after(async () => {
  await world.close();
  receiver.close();
  receiver.closeAllConnections();
  await new Promise<void>((resolve) => smtp.close(() => resolve()));
});

const channel = (name: string) => `/v1/tenants/acme/notifications/${name}`;
const view = async (name: string) => {
  const { items } = await world.must(200, 'GET', '/v1/tenants/acme/notifications');
  return items.find((each: { name: string }) => each.name === name);
};
/** Something that is told: the rule is set at once, under a quorum of one. */
let rules = 0;
const decide = async (): Promise<string> => {
  rules += 1;
  const { proposal } = await world.must(202, 'PUT', '/v1/tenants/acme/link/rotation-policy', {
    rotateAfterSeconds: 86_400 * 365 - rules,
  });
  return proposal.id;
};

const verify = (secret: string, { headers, body }: Had): void => {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  assert.equal(key.length, 32);
  const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
  assert.equal(
    headers['webhook-signature'],
    `v1,${createHmac('sha256', key).update(signed).digest('base64')}`,
  );
  assert.ok(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1000) < 30);
};

test('a webhook is told of what was committed, signed, in its order', async () => {
  const made = await world.must(200, 'PUT', channel('hook'), {
    kind: 'webhook',
    url: webhook('/hook'),
    events: ['proposal.*'],
  });
  const proposal = await decide();
  await until('both events', async () => hadAt('/hook').length >= 2);
  const [first, second] = hadAt('/hook');
  assert.ok(first && second);
  for (const each of [first, second]) verify(made.secret, each);
  const [created, executed] = [first, second].map(({ body }) => JSON.parse(body));
  assert.deepEqual([created.type, executed.type], ['proposal.create', 'proposal.execute']);
  assert.equal(created.data.subject, `proposal:${proposal}`);
  assert.ok(executed.data.sequence > created.data.sequence);
  assert.equal(first.headers['webhook-id'], `okcm-acme-${created.data.sequence}`);
  await until('it has come to the end', async () => (await view('hook')).behind === 0);
  assert.equal(hadAt('/hook').length, 2);
  // The secret is told once, and nowhere else.
  const again = await world.must(200, 'PUT', channel('hook'), {
    kind: 'webhook',
    url: webhook('/hook'),
    events: ['proposal.*'],
  });
  assert.equal(again.secret, null);
  const rows = JSON.stringify(await world.query('SELECT * FROM notification_channels'));
  const log = JSON.stringify(await world.query('SELECT * FROM audit_events'));
  for (const dump of [rows, log]) assert.ok(!dump.includes(made.secret.slice(6)));
});

test('what did not arrive is sent again, the same under the same id, and nothing overtakes it', async () => {
  await world.must(200, 'PUT', channel('shaky'), {
    kind: 'webhook',
    url: webhook('/shaky'),
    events: ['proposal.execute'],
  });
  answers.set('/shaky', { status: 503 });
  await decide();
  await decide();
  const failing = await until('a failure', async () => {
    const seen = await view('shaky');
    return seen.attempts > 0 ? seen : undefined;
  });
  assert.equal(failing.error, 'HTTP_503');
  assert.ok(Date.parse(failing.nextAttemptAt) > Date.now());
  answers.delete('/shaky');
  await world.must(202, 'POST', `${channel('shaky')}/retry`);
  await until('both', async () => hadAt('/shaky').length >= 3);
  const ids = hadAt('/shaky').map(({ headers }) => headers['webhook-id']);
  assert.equal(ids[0], ids[1]);
  assert.notEqual(ids[1], ids[2]);
  const delivered = await until('it is through', async () => {
    const seen = await view('shaky');
    return seen.behind === 0 ? seen : undefined;
  });
  assert.deepEqual([delivered.attempts, delivered.error, delivered.lost], [0, null, 0]);
});

test('what never arrives is given up in the end, said to be lost, and what comes after it is told', async () => {
  answers.set('/dead', { status: 500 });
  await world.must(200, 'PUT', channel('dead'), {
    kind: 'webhook',
    url: webhook('/dead'),
    events: ['proposal.execute'],
  });
  // As if a day had passed.
  await world.query(`UPDATE notification_channels SET attempts = 39 WHERE name = 'dead'`);
  await decide();
  await until('it is lost', async () => (await view('dead')).lost === 1);
  answers.delete('/dead');
  await decide();
  await until('the next one', async () => hadAt('/dead').length === 2);
  const { items } = await world.must(200, 'GET', '/v1/audit?tenant=acme&limit=50');
  const lost = items.find(({ action }: { action: string }) => action === 'notification.lost');
  assert.deepEqual([lost.outcome, lost.detail.error], ['failed', 'HTTP_500']);
});

test('a replaced secret signs what comes from then on', async () => {
  await until('nothing is on its way', async () => (await view('hook')).behind === 0);
  const { secret } = await world.must(200, 'POST', `${channel('hook')}/secret`);
  const before = hadAt('/hook').length;
  await decide();
  await until('an event', async () => hadAt('/hook').length > before);
  const last = hadAt('/hook').at(-1);
  assert.ok(last);
  verify(secret, last);
});

test('mail says who wants what, in lines that nobody else can begin', async () => {
  await world.must(200, 'PUT', channel('post'), {
    kind: 'email',
    to: ['officers@example.com', 'audit@example.com'],
    events: ['key.register', 'proposal.create'],
  });
  const proposal = await decide();
  await until('a mail', async () => mails.length > 0);
  const [mail] = mails;
  assert.ok(mail);
  assert.deepEqual(mail.to, ['officers@example.com', 'audit@example.com']);
  assert.match(mail.raw, /^Subject: \[OpenKCM\] acme: proposal\.create \(link-rotation-policy\)\r$/m);
  assert.match(mail.raw, /^Message-ID: <okcm-acme-\d+@/m);
  assert.match(mail.raw, /^Auto-Submitted: auto-generated\r$/m);
  assert.ok(mail.raw.replaceAll('=\r\n', '').includes(`okcm proposals show acme ${proposal}`));
});

test('only what may be reached is reached: not by its name, not by a redirect, not by a number', async () => {
  const config = { keyFile };
  const outside = await readNotificationSettings(config);
  const inside = await readNotificationSettings({ ...config, webhooks: { http: true } });
  const [envelope, secret] = [{ id: 'x', body: '{}' }, new Uint8Array(32)];
  const before = had.length;
  for (const url of [
    'http://example.com/',
    'https://user:secret@example.com/',
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://[::1]/',
    'https://[::ffff:10.0.0.1]/',
    'https://169.254.169.254/latest/meta-data',
    'ftp://example.com/',
    'nothing',
  ])
    assert.notEqual(whyRefused(url, outside), undefined, url);
  assert.equal(whyRefused('https://hooks.example.com/x?y=z', outside), undefined);
  const code = async (url: string): Promise<string> => {
    try {
      await postWebhook(url, envelope, secret, inside);
      return 'delivered';
    } catch (error) {
      return error instanceof DeliveryError ? error.code : String(error);
    }
  };
  assert.equal(await code(webhook('/')), 'ADDRESS_REFUSED');
  assert.equal(had.length, before);
  // A name that leads inside is found out when it is looked up, also where it leads outside as well.
  for (const [addresses, outcome] of [
    [['8.8.8.8'], '8.8.8.8'],
    [['8.8.8.8', '10.0.0.1'], 'ADDRESS_REFUSED'],
    [['::1'], 'ADDRESS_REFUSED'],
    [[], 'NAME_UNKNOWN'],
  ] as const) {
    const looking = checkedAddress('hooks.example.com', outside.guard, () => Promise.resolve(addresses));
    assert.equal(await looking.catch((error: DeliveryError) => error.code), outcome);
  }

  const refused = await world.call('PUT', channel('inside'), { kind: 'webhook', url: 'https://10.0.0.1/' });
  assert.deepEqual([refused.status, refused.body.code], [422, 'CHANNEL_REFUSED']);
  answers.set('/moved', { status: 302, location: webhook('/secret') });
  await world.must(200, 'PUT', channel('moved'), {
    kind: 'webhook',
    url: webhook('/moved'),
    events: ['proposal.create'],
  });
  await decide();
  await until('a failure', async () => (await view('moved')).error === 'HTTP_302');
  assert.equal(hadAt('/secret').length, 0);
  await world.must(204, 'DELETE', channel('moved'));
  assert.equal(await view('moved'), undefined);
});

test('nobody is silenced unseen: the old address is told, and every other channel, of what they did not ask for', async () => {
  const typesAt = (path: string): string[] => hadAt(path).map(({ body }) => JSON.parse(body).type);
  const set = (name: string, path: string, events: string[]) =>
    world.must(200, 'PUT', channel(name), { kind: 'webhook', url: webhook(path), events });
  await set('watch', '/watch', ['key.register']);
  await set('moving', '/old', ['proposal.create', 'proposal.execute']);
  answers.set('/old', { status: 503 });
  await decide();
  await until('a failure', async () => (await view('moving')).attempts > 0);
  await set('moving', '/new', ['key.register']);
  answers.delete('/old');
  const all = ['proposal.create', 'proposal.execute', 'notification.change'];
  await until('the old address has all', async () => typesAt('/old').at(-1) === 'notification.change');
  assert.deepEqual([...new Set(typesAt('/old'))], all);
  await until('the others, too', async () => typesAt('/watch').at(-1) === 'notification.change');
  await world.must(204, 'DELETE', channel('moving'));
  for (const path of ['/new', '/watch'])
    await until(`${path} is told`, async () => typesAt(path).at(-1) === 'notification.remove');
  assert.deepEqual(typesAt('/watch'), ['notification.create', 'notification.change', 'notification.remove']);
  assert.equal(await view('moving'), undefined);
  await decide();
  await until('what is over is gone', async () => {
    const [row] = await world.query(
      `SELECT count(*)::int AS left FROM notification_channels WHERE name LIKE 'moving%'`,
    );
    return row?.['left'] === 0;
  });
  assert.equal(typesAt('/old').at(-1), 'notification.change');
});

test('every network that is set apart is refused, and what is allowed by name is not', () => {
  const guard = guardOf(['10.20.0.0/16', 'fd00:1::/32']);
  for (const address of [
    '0.0.0.0',
    '10.0.0.1',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    '64:ff9b::7f00:1',
    'fe80::1',
    'fc00::1',
    'fd00:2::1',
    'ff02::1',
    '2001:db8::1',
    '2002:7f00:1::1',
    'not an address',
    '',
  ])
    assert.equal(guard.permits(address), false, address);
  for (const address of ['8.8.8.8', '172.32.0.1', '2606:4700::1111', '10.20.3.4', 'fd00:1::5'])
    assert.equal(guard.permits(address), true, address);
});

test('channels are told of what they asked for, and of each other only how they are set', () => {
  assert.ok(isToldOf('proposal.create', ['proposal.*']));
  assert.ok(isToldOf('key.state', ['link.close', 'key.state']));
  assert.ok(isToldOf('anything', ['*']));
  assert.ok(!isToldOf('proposals.create', ['proposal.*']));
  assert.ok(!isToldOf('key.states', ['key.state']));
  for (const action of ['notification.lost', 'notification.retry']) assert.ok(!isToldOf(action, ['*']));
  for (const what of ['create', 'change', 'secret', 'remove'])
    assert.ok(isToldOf(`notification.${what}`, ['key.state']));
});

test('metrics tell of each outcome from the start', async () => {
  const metrics = await (await fetch(`${world.healthUrl()}/metrics`)).text();
  for (const outcome of ['delivered', 'failed', 'lost'])
    assert.match(metrics, new RegExp(`^okcm_cmk_notifications_total\\{outcome="${outcome}".*\\} [1-9]`, 'm'));
});
