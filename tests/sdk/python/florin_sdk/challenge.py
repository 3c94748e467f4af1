"""What a payer does with the hosted 3-D Secure page: opens it, and presses a button."""

import re
from html.parser import HTMLParser
from urllib.parse import urljoin

import requests

TIMEOUT_S = 20
APPROVE = re.compile(r"approve|complete|authori[sz]e|succe", re.IGNORECASE)
FAIL = re.compile(r"fail|decline|reject|deny", re.IGNORECASE)


class Forms(HTMLParser):
    """Each form's action, hidden fields and buttons."""

    def __init__(self):
        super().__init__()
        self.forms = []
        self.button = None

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "form":
            self.forms.append({"action": attrs.get("action", ""), "method": attrs.get("method", "get"), "fields": {}, "buttons": []})
        elif tag == "input" and self.forms and attrs.get("type") != "submit" and attrs.get("name"):
            self.forms[-1]["fields"][attrs["name"]] = attrs.get("value", "")
        elif self.forms and (tag == "button" or (tag == "input" and attrs.get("type") == "submit")):
            self.button = {"name": attrs.get("name"), "value": attrs.get("value", ""), "text": attrs.get("value", "")}
            self.forms[-1]["buttons"].append(self.button)

    def handle_data(self, data):
        if self.button:
            self.button["text"] += data

    def handle_endtag(self, tag):
        if tag == "button":
            self.button = None


class Next(HTMLParser):
    """Where a page sends the browser, at once and by its link."""

    def __init__(self):
        super().__init__()
        self.at_once = self.by_hand = None

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "meta" and attrs.get("http-equiv", "").lower() == "refresh":
            self.at_once = attrs["content"].partition("url=")[2]
        elif tag == "a":
            self.by_hand = attrs["href"]


def back(answer):
    """Where the payer's browser goes when a button was pressed. A redirect would be held to the page's policy for forms."""
    assert (answer.status_code, "location" in answer.headers) == (200, False), (answer.status_code, answer.text[:500])
    assert answer.headers["content-security-policy"].endswith("form-action 'self'")
    following = Next()
    following.feed(answer.text)
    assert following.at_once and following.at_once == following.by_hand
    return following.at_once


def page(url):
    """The hosted page's HTML."""
    answer = requests.get(url, timeout=TIMEOUT_S, allow_redirects=False)
    assert answer.status_code == 200, (answer.status_code, answer.text[:500])
    assert answer.headers["content-type"].startswith("text/html")
    return answer


def press(url, wanted):
    """Submits the form whose button is meant; answers the server's response, redirects not followed."""
    forms = Forms()
    forms.feed(page(url).text)
    for form in forms.forms:
        for button in form["buttons"]:
            if wanted.search(f"{button['name']} {button['value']} {button['text']} {form['action']}"):
                assert form["method"].lower() == "post"
                fields = dict(form["fields"])
                if button["name"]:
                    fields[button["name"]] = button["value"]
                return requests.post(urljoin(url, form["action"]), data=fields, timeout=TIMEOUT_S, allow_redirects=False)
    raise AssertionError(f"the page has no button for {wanted.pattern}: {forms.forms}")


def approve(url):
    return press(url, APPROVE)


def fail(url):
    return press(url, FAIL)


def url_of(intent, server):
    """Where the payer is sent, whichever kind of next action it is."""
    action = intent.next_action
    if action.type == "redirect_to_url":
        return action.redirect_to_url.url
    assert action.type == "use_stripe_sdk"
    found = [value for value in action.use_stripe_sdk.to_dict().values() if isinstance(value, str) and value.startswith(server)]
    assert found, f"use_stripe_sdk names no page: {action.use_stripe_sdk}"
    return found[0]
