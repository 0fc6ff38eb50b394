// The scripts share one global scope: a name may be defined, read or assigned in another file. TypeScript finds wrong ones.
import js from "@eslint/js";

export default [
  js.configs.recommended,
  {
    files: ["**/*.js"],
    languageOptions: { ecmaVersion: 2022, sourceType: "script" },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      eqeqeq: "error",
      "no-undef": "off",
      "no-unused-expressions": "error",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_", vars: "local" }],
      "no-var": "error",
      "object-shorthand": "error",
    },
  },
];
