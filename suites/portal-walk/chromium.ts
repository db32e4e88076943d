/** A real Chromium, steered over a pipe that ends with the test: no browser outlives the process that started it. */
import { type Browser, chromium } from 'playwright-core';
import { requireService } from '../../testkit/services.ts';

const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const START_TIMEOUT_MS = 60_000;

/** Errors: an Error with the command that installs it, where Chromium is missing. */
export async function launchChromium(): Promise<Browser> {
  return await chromium.launch({
    executablePath: requireService('chromium'),
    args: ARGUMENTS,
    timeout: START_TIMEOUT_MS,
  });
}
