/** The names of a development installation: its regions, and the components that run for them. */

export const CLUSTER = 'dev';
export const REGIONS = ['eu-west-1', 'us-east-1'] as const;
export type RegionName = (typeof REGIONS)[number];

export const cmkComponent = 'cmk';
export const cmkDatabase = 'cmk/db';
/** The embedded broker: a PostgreSQL server of its own that belongs to neither plane. */
export const brokerComponent = 'broker';
export const coreOf = (region: string): string => `${region}/core`;
export const gatewayOf = (region: string): string => `${region}/gateway`;
/** The gateway's second port, for KMIP over HTTPS. */
export const gatewayHttpsOf = (region: string): string => `${region}/gateway:https`;
export const databaseOf = (region: string): string => `${region}/db`;
export const healthOf = (component: string): string => `${component}:health`;

export const LOOPBACK = '127.0.0.1';
