"""A script that turns a shell towards a simulator: for the Azure SDKs, and for `az`.

    . .vmssplan/simulator/serve/env.sh

`az` gets a configuration folder of its own, so that neither its logins nor its clouds mix with
the user's. Text only; whoever serves writes it to a file.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from vmss_simulator.arm.managed_identity import APP_SERVICE_PATH
from vmss_simulator.arm.metadata import CLOUD_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmss_simulator.endpoint import Endpoint

# Other ways to log in, which the libraries would find first.
_CLEARED = (
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_PASSWORD",
    "AZURE_USERNAME",
    "IDENTITY_SERVER_THUMBPRINT",
    "IMDS_ENDPOINT",
    "MSI_ENDPOINT",
    "MSI_SECRET",
)

_HEAD = """\
# Turns this shell towards a simulator. Source it from bash, zsh or another POSIX shell:
#
#     . {path}
#
# It may be sourced again at any time, and has to be once the server was started anew. To leave,
# close the shell. On Windows use it from Git Bash or WSL; there is no PowerShell version.
#
# Python: ManagedIdentityCredential() and DefaultAzureCredential() work as they are. Credentials
# that log in with the secret need disable_instance_discovery=True, or they ask the public
# cloud whether this one may be trusted. Clients take base_url=$AZURE_RESOURCE_MANAGER_URL.
"""

_PROXY = """\
# The simulator is reached directly, whatever proxy there is.
no_proxy="${no_proxy:-${NO_PROXY:-}}"
case ",$no_proxy," in
  *,{host},*) ;;
  *) no_proxy="{host}${no_proxy:+,$no_proxy}" ;;
esac
NO_PROXY="$no_proxy"
export no_proxy NO_PROXY
"""

_AZ = """\
# The cloud is registered anew each time: the server may have another port than the last time.
_vmss_simulator_az() {
  # Clouds can only be changed while another one is active.
  az cloud set --name AzureCloud --only-show-errors || return 1
  if az cloud show --name "$1" --output none 2>/dev/null; then
    az cloud unregister --name "$1" --only-show-errors || return 1
  fi
  az cloud register --name "$1" --only-show-errors --output none \\
    --endpoint-resource-manager "$AZURE_RESOURCE_MANAGER_URL" || return 1
  az cloud set --name "$1" --only-show-errors || return 1
  az login --service-principal --only-show-errors --output none --tenant "$AZURE_TENANT_ID" \\
    --username "$AZURE_CLIENT_ID" --password "$AZURE_CLIENT_SECRET" || return 1
  az account set --subscription "$AZURE_SUBSCRIPTION_ID" --only-show-errors || return 1
}

"""

_AZ_CALL = """\
if ! command -v az >/dev/null 2>&1; then
  echo "The SDKs talk to the simulator at $AZURE_RESOURCE_MANAGER_URL; there is no az here."
elif _vmss_simulator_az {cloud}; then
  echo "az and the SDKs talk to the simulator at $AZURE_RESOURCE_MANAGER_URL."
else
  echo "az cannot log in at $AZURE_RESOURCE_MANAGER_URL: is the simulator running?" >&2
fi
"""


def shell_script(
    endpoint: Endpoint, *, path: str, config_folder: str, aliases: Mapping[str, str] | None = None
) -> str:
    """Return the script for a server at `endpoint`, to be kept at `path`.

    `config_folder` is where `az` keeps clouds and logins; `aliases` are further names for
    variables that the script sets.
    """
    variables = _variables(endpoint, config_folder)
    exports = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    exports += [f'export {alias}="${name}"' for alias, name in (aliases or {}).items()]
    return "\n".join(
        (
            _HEAD.replace("{path}", shlex.quote(path)),
            *exports,
            f"unset {' '.join(_CLEARED)}",
            "",
            _PROXY.replace("{host}", shlex.quote(urlsplit(endpoint.endpoint).hostname or "")),
            _AZ + _AZ_CALL.replace("{cloud}", CLOUD_NAME),
        )
    )


def _variables(endpoint: Endpoint, config_folder: str) -> dict[str, str]:
    return {
        # The authority of the server's certificate, by the names different runtimes have for it.
        "REQUESTS_CA_BUNDLE": endpoint.ca_file,
        "SSL_CERT_FILE": endpoint.ca_file,
        "CURL_CA_BUNDLE": endpoint.ca_file,
        "NODE_EXTRA_CA_CERTS": endpoint.ca_file,
        "AZURE_RESOURCE_MANAGER_URL": endpoint.endpoint,
        "AZURE_SUBSCRIPTION_ID": endpoint.subscription_id,
        "AZURE_AUTHORITY_HOST": endpoint.endpoint,
        "AZURE_TENANT_ID": endpoint.tenant_id,
        "AZURE_CLIENT_ID": endpoint.client_id,
        "AZURE_CLIENT_SECRET": endpoint.client_secret,
        "IDENTITY_ENDPOINT": f"{endpoint.endpoint}{APP_SERVICE_PATH}",
        "IDENTITY_HEADER": endpoint.identity_header,
        "AZURE_POD_IDENTITY_AUTHORITY_HOST": endpoint.endpoint,
        # DefaultAzureCredential: straight to the one that asks no public cloud first.
        "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
        "AZURE_CONFIG_DIR": config_folder,
        "AZURE_CORE_INSTANCE_DISCOVERY": "false",
        "AZURE_CORE_COLLECT_TELEMETRY": "false",
        "AZURE_CORE_LOGIN_EXPERIENCE_V2": "off",
        "AZURE_EXTENSION_USE_DYNAMIC_INSTALL": "no",
    }
