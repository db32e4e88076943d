/** Style sheets are imported for their effect alone: the build puts them beside the script. */
declare module '*.css';

/** Of the project, put in by the build. */
declare const __VERSION__: string;
