/**
 * `npm run check`: types, format, lint and import rules side by side, since each keeps one processor busy. What each has to
 * say is printed whole when it ends; the exit code is 0 only if all are content.
 */
import { spawn } from 'node:child_process';

const CHECKS = ['check:types', 'check:format', 'check:lint', 'check:imports'];

interface Outcome {
  readonly name: string;
  readonly code: number | null;
}

function run(name: string): Promise<Outcome> {
  const startedAt = performance.now();
  const child = spawn('npm', ['run', '--silent', name], { stdio: ['ignore', 'pipe', 'pipe'] });
  const parts: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => parts.push(part));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
      process.stdout.write(`${code === 0 ? '✔' : '✖'} ${name} (${seconds} s)\n`);
      process.stdout.write(Buffer.concat(parts));
      resolve({ name, code });
    });
  });
}

const outcomes = await Promise.all(CHECKS.map(run));
const failed = outcomes.filter(({ code }) => code !== 0);
for (const { name } of failed) process.stdout.write(`✖ ${name} has failed\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
