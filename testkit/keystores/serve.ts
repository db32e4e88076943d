/**
 * A double of AWS KMS to try things by hand: `npm run keystore:double -- DIRECTORY`. Writes CMK's credentials there (a
 * directory below CMK's keystore directory), prints the command that registers it as a keystore, and then reads what the
 * owner of the keys does, line by line: create, disable KEY, enable KEY, delete KEY, forbid KEY, allow KEY, away, back.
 */
import { chmod, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { startAwsKms } from './aws-kms.ts';

const [directory] = process.argv.slice(2);
if (directory === undefined) {
  process.stderr.write('usage: npm run keystore:double -- DIRECTORY\n');
  process.exit(2);
}
const aws = await startAwsKms();
const credentialsFile = join(resolve(directory), 'aws-double.json');
await writeFile(credentialsFile, JSON.stringify(aws.cmk), { mode: 0o600 });
await chmod(credentialsFile, 0o600);
const say = (text: string): void => void process.stdout.write(`${text}\n`);
say('a double of AWS KMS, for trying things out; register it:');
say(
  `  npx okcm keystore add aws --kind aws-kms --set region=${aws.region} --set endpoint=${aws.url} --set credentialsFile=${credentialsFile}`,
);

const { console: owner } = aws;
const deeds: Readonly<Record<string, (key: string) => unknown>> = {
  create: () => owner.createKey(),
  disable: owner.disable,
  enable: owner.enable,
  delete: owner.scheduleDeletion,
  forbid: owner.forbid,
  allow: owner.allow,
  away: aws.cutOff,
  back: aws.reconnect,
};
say(
  'type here what the owner does: create, disable ARN, enable ARN, delete ARN, forbid ARN, allow ARN, away, back',
);
for await (const line of createInterface({ input: process.stdin })) {
  const [deed = '', key = ''] = line.trim().split(/\s+/);
  if (deed === '') continue;
  try {
    const answer = deeds[deed] ? deeds[deed](key) : `nobody can ${deed}`;
    say(typeof answer === 'string' ? answer : 'done');
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
  }
}
await aws.close();
