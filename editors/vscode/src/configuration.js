// Debug configurations: what is left out is filled in, what cannot work is said before anything starts.
"use strict";

const vscode = require("vscode");
const { isInstalled } = require("./command");
const { pickKernel } = require("./kernels");

const TARGETS = ["port", "connectionFile", "kernelId"];

class ConfigurationProvider {
  constructor(cells) {
    this.cells = cells;
  }

  /** F5 without a launch.json: debug the Lua file in the editor. */
  resolveDebugConfiguration(_folder, configuration) {
    if (configuration.type || configuration.request || configuration.name) {
      return configuration;
    }
    if (vscode.window.activeTextEditor?.document.languageId !== "lua") {
      return configuration; // not ours; VS Code asks what to debug
    }
    return { ...configuration, type: "llmspell", request: "launch", name: "Lua: current file", program: "${file}" };
  }

  /** After ${file} and its like are replaced. Undefined ends the start silently; null opens launch.json. */
  async resolveDebugConfigurationWithSubstitutedVariables(folder, configuration) {
    if (!(await isInstalled(folder))) {
      return undefined;
    }
    if (configuration.request === "attach") {
      return this.attach(configuration);
    }
    if (!configuration.program) {
      await vscode.window.showErrorMessage(`llmspell: "program" is missing in "${configuration.name}".`, { modal: true });
      return null;
    }
    const cwd = configuration.cwd || folder?.uri.fsPath;
    return cwd === undefined ? configuration : { ...configuration, cwd };
  }

  async attach(configuration) {
    const cells = this.cells.texts();
    if (TARGETS.some((name) => configuration[name])) {
      return { ...configuration, cells };
    }
    if (TARGETS.some((name) => name in configuration)) {
      return undefined; // ${command:pickKernel} was answered with nothing
    }
    const kernel = await pickKernel();
    return kernel && { ...configuration, connectionFile: kernel.connection_file, cells };
  }
}

module.exports = { ConfigurationProvider };
