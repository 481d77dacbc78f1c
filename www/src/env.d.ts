/** Where the source is published, from the package's manifest; empty where it does not say. */
declare const __SOURCE_URL__: string;
/** Is there a service worker? Not while developing. */
declare const __OFFLINE__: boolean;
