/*
 * Sends datagrams in frames of its own making, as CAP_NET_RAW allows: to an address that no route leads to, by the link-layer
 * address of who would route. Prints whether they were answered.
 *
 *     frame SOURCE DESTINATION PORT LINK-LAYER-ADDRESS
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ETHERTYPE_IP 0x0800
#define TRIES 10

static unsigned short checksum(const void *data, size_t size)
{
	const unsigned short *words = data;
	unsigned sum = 0;

	for (size_t i = 0; i < size / 2; i++)
		sum += words[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (unsigned short)~sum;
}

int main(int argc, char **argv)
{
	struct {
		struct iphdr ip;
		struct udphdr udp;
		char text[6];
	} __attribute__((packed)) packet = { .text = "knock\n" };
	struct sockaddr_ll peer = { .sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE_IP), .sll_halen = 6 };

	if (argc != 5)
		return 2;
	int fd = socket(AF_PACKET, SOCK_DGRAM, htons(ETHERTYPE_IP));
	if (fd < 0)
		return perror("socket"), 1;
	peer.sll_ifindex = (int)if_nametoindex("eth0");
	for (int i = 0; i < 6; i++)
		peer.sll_addr[i] = (unsigned char)strtol(argv[4] + 3 * i, NULL, 16);
	packet.ip = (struct iphdr){ .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP,
				    .tot_len = htons(sizeof packet) };
	packet.ip.saddr = inet_addr(argv[1]);
	packet.ip.daddr = inet_addr(argv[2]);
	packet.ip.check = checksum(&packet.ip, sizeof packet.ip);
	packet.udp.uh_sport = htons(4000);
	packet.udp.uh_dport = htons((unsigned short)atoi(argv[3]));
	packet.udp.uh_ulen = htons(sizeof packet.udp + sizeof packet.text);
	for (int try = 0; try < TRIES; try++) {
		struct pollfd readable = { .fd = fd, .events = POLLIN };

		if (sendto(fd, &packet, sizeof packet, 0, (struct sockaddr *)&peer, sizeof peer) < 0)
			return perror("sendto"), 1;
		while (poll(&readable, 1, 100) > 0) {
			struct iphdr answer;

			if (recv(fd, &answer, sizeof answer, 0) == sizeof answer && answer.saddr == packet.ip.daddr)
				return puts("answered"), 0;
		}
	}
	puts("not answered");
	return 0;
}
