export * from './ids.ts';
export * from './jobs.ts';
export * from './manifest.ts';
export * from './report.ts';
