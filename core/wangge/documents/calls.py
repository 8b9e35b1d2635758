"""One call of the interface as programs: curl, Java 8 and Python, each whole and with nothing but its own library."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def curl(address: str, body: Mapping[str, Any]) -> str:
    """A line for a shell; `TOKEN` is the token."""
    text = json.dumps(body, ensure_ascii=False).replace("'", "'\\''")
    return f"curl -s {address} \\\n  -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\\n  -d '{text}'"


def python(address: str, body: Mapping[str, Any]) -> str:
    """A program for Python 3."""
    return f"""import json, os, urllib.request

body = json.loads({json.dumps(json.dumps(body, ensure_ascii=False), ensure_ascii=False)})
request = urllib.request.Request({json.dumps(address)}, json.dumps(body).encode(), {{
    "Authorization": "Bearer " + os.environ["TOKEN"], "Content-Type": "application/json"}})
with urllib.request.urlopen(request) as answer:
    print(json.dumps(json.load(answer), ensure_ascii=False, indent=2))
"""


def java(address: str, body: Mapping[str, Any]) -> str:
    """A program for Java 8."""
    return f"""import java.io.*;
import java.net.*;
import java.nio.charset.StandardCharsets;

public class Call {{
    public static void main(String[] args) throws Exception {{
        String body = {json.dumps(json.dumps(body))};
        HttpURLConnection call = (HttpURLConnection) new URL({json.dumps(address)}).openConnection();
        call.setRequestMethod("POST");
        call.setRequestProperty("Authorization", "Bearer " + System.getenv("TOKEN"));
        call.setRequestProperty("Content-Type", "application/json");
        call.setDoOutput(true);
        call.getOutputStream().write(body.getBytes(StandardCharsets.UTF_8));
        InputStream in = call.getResponseCode() < 400 ? call.getInputStream() : call.getErrorStream();
        ByteArrayOutputStream text = new ByteArrayOutputStream();
        byte[] part = new byte[8192];
        for (int n = in.read(part); n >= 0; n = in.read(part)) text.write(part, 0, n);
        System.out.println(text.toString("UTF-8"));
    }}
}}
"""
