/** Managed objects: what they are, how they live, how clients see them, how they are stored. Shared by gateway and core. */
export * from './attribute-limits.ts';
export * from './attribute-rules.ts';
export * from './attribute-values.ts';
export * from './attribute-view.ts';
export * from './certificate-attributes.ts';
export * from './clock.ts';
export * from './codec.ts';
export * from './digest.ts';
export * from './from-template.ts';
export * from './managed-object.ts';
export * from './material.ts';
export * from './names.ts';
export * from './query.ts';
export * from './state-machine.ts';
export * from './value.ts';
export * from './vendor-tags.ts';
