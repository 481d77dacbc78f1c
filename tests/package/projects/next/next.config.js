// The folder of this project, or Next looks for one further up.
export default { turbopack: { root: import.meta.dirname } };
