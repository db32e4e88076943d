/** What others may use of governance: a CMK that runs in their process, and the shape of its configuration. */
export { type CmkDeps, type RunningCmk, startCmk } from './cmk.ts';
export { CmkConfig } from './config.ts';
